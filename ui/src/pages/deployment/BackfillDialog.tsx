import { useQuery } from "@tanstack/react-query";
import { useMemo, useState, type SubmitEvent } from "react";
import { backfillPreviewQuery, useCreateBackfill, type BackfillDraft } from "@/api/queries/backfills";
import { keyOf } from "@/api/queries/deployments";
import type { Deployment } from "@/api/types";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { FormField } from "@/design/FormField";
import { toast } from "@/design/toast";
import { useSettled } from "@/keys/useSettled";
import { summaryOf } from "@/pages/run/parameters";
import { DAY, dayTime, nowMicros, plural } from "@/time/format";
import { dateText, hereZone, instantOf } from "@/time/local";

const dateOf = (at: number): string => dateText(new Date(at / 1000));

/** Runs a deployment for each period between two days; what that would be is shown before. */
export function BackfillDialog({ deployment, onClose }: { deployment: Deployment; onClose: () => void }) {
  const key = keyOf(deployment);
  const [from, setFrom] = useState(() => dateOf(nowMicros() - 7 * DAY));
  const [to, setTo] = useState(() => dateOf(nowMicros()));
  const [slug, setSlug] = useState(deployment.schedules[0]?.slug ?? "");
  const [concurrency, setConcurrency] = useState("1");
  const [newest, setNewest] = useState(false);
  const create = useCreateBackfill();
  const since = instantOf(from);
  const until = instantOf(to);
  const draft = useMemo((): BackfillDraft => (
    { key, since: since ?? 0, until: until ?? 0, slug: slug || null, concurrency: Math.max(1, Math.round(Number(concurrency)) || 1), newest_first: newest, parameters: {} }
  ), [key, since, until, slug, concurrency, newest]);
  const settled = useSettled(draft, 250);
  const preview = useQuery({ ...backfillPreviewQuery(settled), enabled: settled.until > settled.since });
  const right = since !== null && until !== null && until > since;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (right) create.mutate(draft, { onSuccess: (made) => { toast(`${plural(made.total, "run")} will come.`); onClose(); } });
  };
  const fresh = right && !preview.isError && !preview.isPlaceholderData && settled === draft ? preview.data : undefined;
  return (
    <Dialog open wide onClose={onClose} title={`Backfill ${key}`} description="Runs it once for each period of a schedule. Fresh runs go first; periods that had a run get another one.">
      <form onSubmit={submit} noValidate className="flex flex-col gap-3.5">
        <div className="grid grid-cols-2 gap-3">
          <FormField name="From" hint={`Midnight in ${hereZone()}`} problem={since === null ? "Choose a day." : undefined} input={(field) => <input {...field} type="date" value={from} onChange={(event) => setFrom(event.target.value)} />} />
          <FormField name="Until" hint="That day is not in it any more." problem={until === null ? "Choose a day." : !right ? "It is not after the first day." : undefined} input={(field) => <input {...field} type="date" value={to} onChange={(event) => setTo(event.target.value)} />} />
          <FormField name="Schedule" input={(field) => <select {...field} value={slug} onChange={(event) => setSlug(event.target.value)}>{deployment.schedules.map((each) => <option key={each.slug}>{each.slug}</option>)}</select>} />
          <FormField name="Runs at once" input={(field) => <input {...field} type="number" min={1} value={concurrency} onChange={(event) => setConcurrency(event.target.value)} />} />
        </div>
        <label className="flex items-center gap-2"><input type="checkbox" className="size-3.5 accent-accent" checked={newest} onChange={(event) => setNewest(event.target.checked)} />The newest period first</label>
        <section aria-label="What it will be" aria-busy={preview.isFetching} className="min-h-32 rounded-md border border-line bg-sunken px-3 py-2.5">
          {preview.isError ? <p role="alert" className="text-danger">{preview.error.message}</p> : !right ? <p className="text-muted">Choose two days.</p> : !fresh ? <p className="text-muted">Counting …</p> : (
            <>
              <p className="font-semibold">{plural(fresh.total, "run")}</p>
              <ol className="mt-1 font-mono text-xs leading-5">
                {fresh.ahead.slice(0, 6).map((period) => <li key={period.fire_at} className="flex gap-4"><span className="whitespace-nowrap text-muted">{dayTime(period.period_start)} – {dayTime(period.period_end)}</span><span className="truncate">{summaryOf(period.parameters)}</span></li>)}
              </ol>
              {fresh.total > 6 && <p className="text-xs text-muted">… and {fresh.total - Math.min(6, fresh.ahead.length)} more</p>}
            </>
          )}
        </section>
        <p role="alert" className="break-words text-danger empty:hidden">{create.error?.message}</p>
        <div className="flex justify-end gap-2"><Button onClick={onClose}>Leave it</Button><Button type="submit" kind="primary" disabled={create.isPending || !fresh}>{fresh ? `Ask for ${plural(fresh.total, "run")}` : "Ask for them"}</Button></div>
      </form>
    </Dialog>
  );
}
