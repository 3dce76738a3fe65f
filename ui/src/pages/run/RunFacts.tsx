import { Link } from "@tanstack/react-router";
import type { FlowRun } from "@/api/types";
import { Copy } from "@/design/Copy";
import { Fact, Facts } from "@/design/Facts";
import { TaskCounts } from "@/design/TaskCounts";
import { isFinal } from "@/design/state";
import { WorkFacts } from "@/pages/run/WorkFacts";
import { pairsOf, textOf } from "@/pages/run/parameters";
import { duration } from "@/time/format";
import { Span, Time } from "@/time/Time";
import { useNow } from "@/time/useNow";

/** Who ran what, where, when, with which parameters. */
export function RunFacts({ run }: { run: FlowRun }) {
  const parameters = pairsOf(run.parameters);
  return (
    <Facts>
      {run.started_at == null
        ? <Fact name="Due" wide><Time at={run.expected_start_at ?? run.created_at} as="day" /> <Time at={run.expected_start_at ?? run.created_at} className="text-muted" /></Fact>
        : <Fact name="Started" wide><Time at={run.started_at} as="day" /> <Time at={run.started_at} className="text-muted" /></Fact>}
      <Fact name="Duration"><Span from={run.started_at} to={run.ended_at} className="font-medium" /> <Expected run={run} /></Fact>
      <Fact name="Task runs"><TaskCounts counts={run.task_counts} wide /></Fact>
      <Fact name="Attempt">{run.epoch === 0 ? <span className="text-muted">not begun</span> : run.epoch === 1 ? "First" : `${run.epoch}, the others are in its history`}</Fact>
      <Fact name="Code">
        {run.entrypoint ? <Copy text={run.entrypoint} what="entrypoint">{run.entrypoint.split("/").at(-1)}</Copy> : <span className="text-muted">notebook or console</span>}
      </Fact>
      {run.code_version && <Fact name="Code version"><Copy text={run.code_version} what="code version">{run.code_version.slice(0, 12)}</Copy></Fact>}
      <Fact name="Started by"><StartedBy run={run} /></Fact>
      <WorkFacts run={run} />
      <Fact name="Where">{run.host ? <span className="truncate" title={`process ${run.pid ?? "?"} on ${run.host}`}>{run.host}<span className="text-muted">, process {run.pid}</span></span> : "–"}</Fact>
      {run.environment && <Fact name="Environment"><span className="truncate" title={Object.entries(run.environment).map(([name, value]) => `${name}: ${value}`).join("\n")}>Python {run.environment["python"]}<span className="text-muted">, Penstock {run.environment["penstock"]}</span></span></Fact>}
      {run.tags.length > 0 && <Fact name="Tags"><span className="flex flex-wrap gap-1">{run.tags.map((tag) => <span key={tag} className="rounded bg-sunken px-1.5 text-xs">{tag}</span>)}</span></Fact>}
      <div className="basis-full bg-surface px-3.5 py-2">
        <dt className="mb-0.5 text-xs text-muted">Parameters</dt>
        <dd className="flex flex-wrap gap-x-5 gap-y-1 font-mono text-xs leading-5">
          {parameters.length === 0 && <span className="text-faint">none</span>}
          {parameters.map(([name, value]) => (
            <Copy key={name} text={textOf(value)} what={name} className="max-w-xl"><span className="text-muted">{name}=</span><span className="text-ink">{textOf(value)}</span></Copy>
          ))}
        </dd>
      </div>
    </Facts>
  );
}

/** A deployment, another run, or somebody's own program. */
function StartedBy({ run }: { run: FlowRun }) {
  if (run.deployment == null) return run.parent_run_id ? "the run that called it" : "a program";
  return (
    <>
      <Link to="/deployments/$flow/$name" params={{ flow: run.flow_name, name: run.deployment }} className="font-medium hover:text-accent-strong hover:underline">{run.deployment}</Link>
      {run.deployment_version != null && <span className="text-muted">, version {run.deployment_version}</span>}
    </>
  );
}

function Expected({ run }: { run: FlowRun }) {
  const running = !isFinal(run.state.type, run.state.name) && run.expected_end_at != null;
  const now = useNow(running);
  if (!running || run.expected_end_at == null) return null;
  const left = run.expected_end_at - now;
  return <span className="text-muted">{left > 0 ? `about ${duration(left)} left` : `${duration(-left)} longer than usual`}</span>;
}
