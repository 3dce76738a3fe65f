import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { FlowRun, RunComparison } from "@/api/types";
import { reasonOf } from "@/design/reason";
import { Card } from "@/design/Card";
import { StateBadge } from "@/design/StateMark";
import { TaskCounts } from "@/design/TaskCounts";
import { SideTable, type SideRow } from "@/pages/compare/SideTable";
import { Change } from "@/pages/compare/Change";
import { Span, Time } from "@/time/Time";

/** What a process ran on, as its writer said it. */
const ENVIRONMENT = [["python", "Python"], ["penstock", "Penstock"], ["platform", "Platform"], ["prefix", "Environment"]] as const;

const spanOf = (run: FlowRun): number | null => (run.started_at == null || run.ended_at == null ? null : run.ended_at - run.started_at);

/** Where and how the two runs ran. */
export function Facts({ comparison: { left, right } }: { comparison: RunComparison }) {
  const row = (name: string, show: (run: FlowRun) => ReactNode, value: (run: FlowRun) => unknown): SideRow => ({
    name, left: show(left), right: show(right), same: value(left) === value(right),
  });
  const rows: SideRow[] = [
    { name: "Run", left: <RunLink run={left} />, right: <RunLink run={right} />, same: true, change: <>&nbsp;</> },
    row("State", (run) => <StateBadge state={run.state} plain />, (run) => run.state.name),
    row("Why", (run) => <span className="whitespace-pre-wrap">{run.state.message ? reasonOf(run) : "–"}</span>, (run) => run.state.message),
    { ...row("Started", (run) => <Time at={run.started_at} as="day" />, () => 0), change: <>&nbsp;</> },
    { ...row("Duration", (run) => <Span from={run.started_at} to={run.ended_at} />, spanOf), change: <Change from={spanOf(left)} to={spanOf(right)} /> },
    row("Task runs", (run) => <TaskCounts counts={run.task_counts} />, (run) => JSON.stringify(run.task_counts)),
    row("Flow", (run) => run.flow_name, (run) => run.flow_name),
    row("Code version", (run) => <code className="font-mono text-xs">{run.code_version?.slice(0, 12) ?? "–"}</code>, (run) => run.code_version),
    row("Flow version", (run) => run.flow_version ?? "–", (run) => run.flow_version),
    row("Entrypoint", (run) => <code className="font-mono text-xs break-all">{run.entrypoint ?? "–"}</code>, (run) => run.entrypoint),
    row("Deployment", (run) => (run.deployment ? `${run.deployment}, version ${run.deployment_version ?? "?"}` : "–"), (run) => `${run.deployment ?? ""} ${run.deployment_version ?? ""}`),
    row("Host", (run) => run.host ?? "–", (run) => run.host),
    ...ENVIRONMENT.map(([part, name]) => row(name, (run) => <span className="break-all">{run.environment?.[part] ?? "–"}</span>, (run) => run.environment?.[part])),
    row("Tags", (run) => (run.tags.length > 0 ? run.tags.join(", ") : "–"), (run) => run.tags.join(",")),
  ];
  return <Card title="Runs" flush><SideTable label="Runs" rows={rows} /></Card>;
}

const RunLink = ({ run }: { run: FlowRun }) => <Link to="/runs/$id" params={{ id: run.id }} className="font-medium hover:text-accent-strong hover:underline">{run.name}</Link>;
