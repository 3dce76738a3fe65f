import { Tabs } from "radix-ui";
import { lazy, Suspense } from "react";
import type { FlowRun } from "@/api/types";
import { SkeletonRows } from "@/design/Placeholder";
import { ArtifactsTab } from "@/pages/run/ArtifactsTab";
import { DatasetsTab } from "@/pages/run/DatasetsTab";
import { LogsTab } from "@/pages/run/LogsTab";
import { StatesTab } from "@/pages/run/StatesTab";
import { TasksTab } from "@/pages/run/TasksTab";

const GraphTab = lazy(async () => ({ default: (await import("@/pages/run/GraphTab")).GraphTab }));

const TABS = [
  ["logs", "Logs"], ["tasks", "Task runs"], ["graph", "Graph"], ["artifacts", "Artifacts"], ["datasets", "Datasets"], ["states", "State history"],
] as const;

interface RunTabsProps {
  run: FlowRun;
  running: boolean;
  tab: string;
  onTab: (tab: string) => void;
}

/** The parts of a run, one at a time. */
export function RunTabs({ run, running, tab, onTab }: RunTabsProps) {
  const panel = "min-h-64 outline-none";
  return (
    <Tabs.Root value={tab} onValueChange={onTab} className="overflow-hidden rounded-lg border border-line bg-surface">
      <Tabs.List aria-label="Parts of the run" className="flex gap-1 overflow-x-auto border-b border-line px-2">
        {TABS.map(([value, word]) => (
          <Tabs.Trigger
            key={value} value={value}
            className="-mb-px h-10 border-b-2 border-transparent px-2.5 font-medium whitespace-nowrap text-muted hover:text-ink focus-visible:outline-offset-[-3px] data-[state=active]:border-accent data-[state=active]:text-ink"
          >
            {word}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <Tabs.Content value="logs" className={panel}><LogsTab run={run} running={running} /></Tabs.Content>
      <Tabs.Content value="tasks" className={panel}><TasksTab run={run} /></Tabs.Content>
      <Tabs.Content value="graph" className={panel}><Suspense fallback={<SkeletonRows />}><GraphTab run={run} /></Suspense></Tabs.Content>
      <Tabs.Content value="artifacts" className={panel}><ArtifactsTab run={run} /></Tabs.Content>
      <Tabs.Content value="datasets" className={panel}><DatasetsTab run={run} /></Tabs.Content>
      <Tabs.Content value="states" className={panel}><StatesTab run={run} /></Tabs.Content>
    </Tabs.Root>
  );
}
