import { useQuery } from "@tanstack/react-query";
import { Hourglass } from "lucide-react";
import { inputsQuery, whyQuery } from "@/api/queries/waiting";
import type { FlowRun } from "@/api/types";
import { colourOf, lookOf } from "@/design/state";
import { AnswerForm } from "@/pages/run/AnswerForm";
import { Said } from "@/pages/run/Said";
import { Time } from "@/time/Time";

const WAITING = ["SCHEDULED", "PENDING", "PAUSED"];

/** Why a run is not running, and what would bring it on; of one that waits for somebody, the form to answer. */
export function WaitCard({ run }: { run: FlowRun }) {
  const waits = WAITING.includes(run.state.type) && run.ended_at == null;
  const why = useQuery({ ...whyQuery(run.id), enabled: waits });
  const inputs = useQuery({ ...inputsQuery(run.id), enabled: waits && run.state.type === "PAUSED" });
  if (!waits || !why.data || why.data.length === 0) return null;
  const open = (inputs.data ?? []).filter(({ answered_at }) => answered_at == null).at(-1);
  return (
    <section aria-label="Why it is not running" className="mb-3 rounded-lg border border-line border-l-4 bg-surface px-4 py-3" style={{ borderLeftColor: colourOf(lookOf(run.state.type, run.state.name)) }}>
      <h2 className="mb-1 flex items-center gap-2 font-semibold"><Hourglass size={15} aria-hidden className="text-muted" />{open ? "It waits for an answer" : "Why is it not running?"}</h2>
      {open ? <AnswerForm key={open.key} run={run} asked={open} /> : (
        <ol className="flex flex-col gap-1">
          {why.data.map(({ code, message, since }, place) => (
            <li key={code} className={place === 0 ? "" : "text-muted"}><Said text={message} />{since != null && <span className="text-muted"> Since <Time at={since} />.</span>}</li>
          ))}
        </ol>
      )}
    </section>
  );
}
