import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { upkeepQuery, usePrune } from "@/api/queries/server";
import { Button } from "@/design/Button";
import { Card } from "@/design/Card";
import { Confirm } from "@/design/Confirm";
import { toast } from "@/design/toast";
import { count, DAY, nowMicros, plural } from "@/time/format";

const DAYS_DEFAULT = 90;

/** Removes old runs: first counts what would go, then asks. */
export function Retention() {
  const [days, setDays] = useState(DAYS_DEFAULT);
  const kept = useQuery(upkeepQuery).data?.retention_days;
  const counted = usePrune();
  const prune = usePrune();
  const body = (dry_run: boolean) => ({ runs_older_than: Math.round(nowMicros() - days * DAY), dry_run });
  const going = Object.entries(counted.data?.rows ?? {}).filter(([, rows]) => rows > 0);
  const perform = async () => {
    const gone = await prune.mutateAsync(body(false));
    toast(`${plural(Object.values(gone.rows).reduce((sum, rows) => sum + rows, 0), "row")} removed.`);
    counted.reset();
  };
  return (
    <Card title="Retention" className="col-span-full">
      <p className="max-w-prose text-muted">
        {kept === undefined ? "" : kept > 0 ? `The server removes runs that ended more than ${count(kept)} days ago by itself, a bounded number at a time, with their logs, events and results (PENSTOCK_RETENTION_DAYS). ` : "The server keeps runs for ever (PENSTOCK_RETENTION_DAYS is 0). "}Runs that have not ended, and the data in your own storage, are never touched.
        To make room now, remove what ended long ago.
      </p>
      <div className="mt-3 flex flex-wrap items-center gap-2">
        <label className="flex items-center gap-2">
          Runs that ended more than
          <input type="number" min={0} max={3650} value={days} onChange={(event) => setDays(Number(event.target.value))} className="h-8 w-20 rounded-md border border-line-strong bg-canvas px-2" />
          days ago
        </label>
        <Button onClick={() => counted.mutate(body(true))} disabled={counted.isPending}>Count what would go</Button>
        {counted.isSuccess && going.length === 0 && <span className="text-muted">Nothing would go.</span>}
        {counted.isError && <span role="alert" className="text-danger">{counted.error.message}</span>}
      </div>
      <Confirm
        open={going.length > 0} onClose={() => counted.reset()} onConfirm={() => void perform()} busy={prune.isPending} title={`Remove runs that ended more than ${days} days ago?`}
        verb="Remove them" items={going.map(([table, rows]) => `${count(rows)} ${table.replaceAll("_", " ")}`)}
      >
        At most a thousand runs go at once, with all that hangs on them. This cannot be undone.
      </Confirm>
    </Card>
  );
}
