"""Which running runs are to stop."""

from collections.abc import Mapping

from sqlalchemy import select

from penstock.core.ids import RunId
from penstock.ports import Cancellations, FindCancellations
from penstock.store.database import Store
from penstock.store.tables import flow_run

r = flow_run.c


class CancellationWatch:
    """Answers `FindCancellations`, which running processes ask twice a second: the query runs only if somebody wrote."""

    def __init__(self, store: Store):
        self._store = store
        self._seen: tuple[int, tuple[str, ...], tuple[int, ...], str] | None = None
        self._answer = Cancellations(run_ids=())

    def find(self, request: FindCancellations, workspace: str) -> Cancellations:
        """Which of these runs are to stop?"""
        token = self._store.database.change_token()
        asked = None if token is None else (token, tuple(request.run_ids), tuple(request.epochs), workspace)
        seen, answer = self._seen, self._answer
        if asked is not None and asked == seen:
            return answer
        with self._store.read() as connection:
            mine = r.workspace_id == self._store.workspace_id(connection, workspace)
            runs = select(r.id, r.epoch, r.cancel_requested_at).where(mine, r.id.in_(request.run_ids))
            found = connection.execute(runs).all()
        epochs: Mapping[str, int] = dict(zip(request.run_ids, request.epochs, strict=False))
        answer = Cancellations(
            run_ids=[RunId(run.id) for run in found if run.cancel_requested_at is not None],
            taken_over=[RunId(run.id) for run in found if run.epoch > epochs.get(run.id, run.epoch)],
        )
        self._seen, self._answer = None, answer
        self._seen = asked
        return answer
