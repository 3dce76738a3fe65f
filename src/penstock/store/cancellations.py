"""Which running runs are to stop."""

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
        self._seen: tuple[int, tuple[str, ...], str] | None = None
        self._answer = Cancellations(run_ids=())

    def find(self, request: FindCancellations, workspace: str) -> Cancellations:
        """Which of these runs has somebody asked to cancel?"""
        token = self._store.database.change_token()
        asked = None if token is None else (token, tuple(request.run_ids), workspace)
        seen, answer = self._seen, self._answer
        if asked is not None and asked == seen:
            return answer
        with self._store.read() as connection:
            mine = r.workspace_id == self._store.workspace_id(connection, workspace)
            requested = r.cancel_requested_at.is_not(None)
            found = connection.execute(select(r.id).where(mine, r.id.in_(request.run_ids), requested)).scalars().all()
        answer = Cancellations(run_ids=[RunId(run_id) for run_id in found])
        self._seen, self._answer = None, answer
        self._seen = asked
        return answer
