import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { taskLogQuery } from "@/api/queries/logs";
import { taskRunQuery } from "@/api/queries/runs";
import type { FlowRun, TaskRun } from "@/api/types";
import { Button } from "@/design/Button";
import { Copy, Id } from "@/design/Copy";
import { Dialog } from "@/design/Dialog";
import { Fault, SkeletonRows } from "@/design/Placeholder";
import { StateBadge } from "@/design/StateMark";
import { levelOf } from "@/pages/run/levels";
import { clockTime, duration, exactInstant } from "@/time/format";
import { Span, Time } from "@/time/Time";

interface TaskPanelProps {
  id: string | null;
  run: FlowRun;
  onClose: () => void;
}

/** One task run, beside the page: its state, tries, what it waited for and what it said. */
export function TaskPanel({ id, run, onClose }: TaskPanelProps) {
  const task = useQuery({ ...taskRunQuery(id ?? ""), enabled: id !== null });
  return (
    <Dialog side open={id !== null} onClose={onClose} title={task.data?.name ?? "Task run"}>
      {task.isError ? <Fault error={task.error} /> : task.data ? <TaskBody task={task.data} run={run} /> : <SkeletonRows />}
    </Dialog>
  );
}

function TaskBody({ task, run }: { task: TaskRun; run: FlowRun }) {
  const navigate = useNavigate({ from: "/runs/$id" });
  const open = (id: string) => void navigate({ search: (old) => ({ ...old, task: id }), replace: true, resetScroll: false });
  const origin = run.started_at ?? run.created_at;
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-3"><StateBadge state={task.state} /><Span from={task.started_at} to={task.ended_at} /><Id id={task.id} /></div>
      {task.state.message && <pre tabIndex={0} aria-label="Message" className="max-h-56 overflow-auto rounded-md bg-sunken px-3 py-2 font-mono text-xs whitespace-pre-wrap">{task.state.message}</pre>}
      <dl className="grid grid-cols-[7rem_minmax(0,1fr)] gap-x-3 gap-y-1.5">
        <Row name="Task">{task.task_name}</Row>
        <Row name="Function"><Copy text={task.task_key} what="task key" /></Row>
        <Row name="Began">{task.started_at == null ? "–" : <><Time at={task.started_at} as="clock-ms" /> <span className="text-muted">+{duration(task.started_at - origin)} into the run</span></>}</Row>
        {task.result && <Row name="Result"><Copy text={task.result} what="reference of the result" /></Row>}
        {task.cache_key && <Row name="Cache key"><Copy text={task.cache_key} what="cache key" /></Row>}
        {task.tags.length > 0 && <Row name="Tags">{task.tags.join(", ")}</Row>}
        {task.upstream.length > 0 && (
          <Row name="Waited for"><span className="flex flex-wrap gap-x-3">{task.upstream.slice(0, 12).map((id) => <Button key={id} kind="quiet" className="h-6! px-1! font-mono text-xs" onClick={() => open(id)}>{id.slice(-8)}</Button>)}{task.upstream.length > 12 && `and ${task.upstream.length - 12} more`}</span></Row>
        )}
      </dl>
      {task.attempts.length > 1 && <Tries task={task} />}
      <TaskLog runId={run.id} id={task.id} />
    </div>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return <><dt className="text-muted">{name}</dt><dd className="min-w-0 break-words">{children}</dd></>;
}

function Tries({ task }: { task: TaskRun }) {
  return (
    <section aria-label="Tries">
      <h3 className="mb-1.5 font-semibold">Tries</h3>
      <ol className="flex flex-col gap-1">
        {task.attempts.map((attempt) => (
          <li key={attempt.number} className="grid grid-cols-[1.5rem_6rem_4rem_minmax(0,1fr)] gap-2 rounded bg-sunken px-2.5 py-1.5">
            <span className="text-faint">{attempt.number}</span><span className="font-medium">{attempt.state_name}</span>
            <Span from={attempt.started_at} to={attempt.ended_at} /><span className="break-words text-muted">{attempt.message}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function TaskLog({ runId, id }: { runId: string; id: string }) {
  const log = useQuery(taskLogQuery(runId, id));
  if (!log.data) return log.isError ? <Fault error={log.error} /> : <SkeletonRows rows={3} />;
  return (
    <section aria-label="Log of the task run">
      <h3 className="mb-1.5 font-semibold">Log</h3>
      {log.data.length === 0 && <p className="text-muted">It logged nothing.</p>}
      <ol className="font-mono text-xs leading-5">
        {log.data.map((line) => (
          <li key={line.seq} className="flex gap-2.5"><time className="text-faint" title={exactInstant(line.at)}>{clockTime(line.at, true)}</time><span className={`min-w-0 break-words whitespace-pre-wrap ${line.level >= 30 ? levelOf(line.level).className : ""}`}>{line.message}</span></li>
        ))}
      </ol>
    </section>
  );
}
