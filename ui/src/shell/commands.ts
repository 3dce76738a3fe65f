import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { flowsQuery, usesQuery } from "@/api/queries/catalogue";
import { deploymentsQuery, keyOf } from "@/api/queries/deployments";
import { findRunsQuery } from "@/api/queries/runs";
import { useSettled } from "@/keys/useSettled";
import { datasetsOf } from "@/pages/datasets/summary";
import { PLACES } from "@/shell/places";
import { setTheme } from "@/shell/theme";
import type { FlowRun } from "@/api/types";

const FLOWS_SHOWN_MAX = 6;
const USES_READ = 1_000;
const SETTLE_MILLISECONDS = 120;

export interface Command {
  id: string;
  group: "Pages" | "Runs" | "Flows" | "Deployments" | "Datasets" | "Actions";
  name: string;
  detail?: string;
  run?: FlowRun;
  act: () => void;
}

const fits = (text: string, wanted: string): boolean =>
  wanted.toLowerCase().split(/\s+/).every((word) => text.toLowerCase().includes(word));

/** What the palette offers for a text: runs, flows, deployments, datasets, pages and actions. */
export function useCommands(text: string): Command[] {
  const navigate = useNavigate();
  // What is known answers at once; runs are asked for when typing rests, and are never those of another text.
  const settled = useSettled(text, SETTLE_MILLISECONDS);
  const flows = useQuery({ ...flowsQuery, enabled: text.length > 0 });
  const deployments = useQuery({ ...deploymentsQuery(), enabled: text.length > 0 });
  const uses = useQuery({ ...usesQuery({}, USES_READ), enabled: text.length > 0 });
  const runs = useQuery(findRunsQuery(settled));
  const pages = PLACES.filter(({ name }) => fits(name, text)).map(
    (place): Command => ({
      id: place.to, group: "Pages", name: place.name, detail: `g ${place.key}`, act: () => void navigate({ to: place.to }),
    }),
  );
  const actions: Command[] = [
    { id: "failed", group: "Actions", name: "Show failed and crashed runs", act: () => void navigate({ to: "/runs", search: { state: "FAILED,CRASHED" } }) },
    { id: "running", group: "Actions", name: "Show what is running now", act: () => void navigate({ to: "/runs", search: { state: "RUNNING" } }) },
    { id: "dark", group: "Actions", name: "Theme: dark", act: () => setTheme("dark") },
    { id: "light", group: "Actions", name: "Theme: light", act: () => setTheme("light") },
    { id: "system", group: "Actions", name: "Theme: like the system", act: () => setTheme("system") },
  ];
  const flowCommands = (text ? (flows.data ?? []) : [])
    .filter(({ name }) => fits(name, text))
    .slice(0, FLOWS_SHOWN_MAX)
    .map((flow): Command => ({
      id: flow.id, group: "Flows", name: flow.name, detail: "flow",
      act: () => void navigate({ to: "/flows/$name", params: { name: flow.name } }),
    }));
  const deploymentCommands = (text ? (deployments.data?.items ?? []) : [])
    .filter((deployment) => fits(keyOf(deployment), text))
    .slice(0, FLOWS_SHOWN_MAX)
    .map((deployment): Command => ({
      id: deployment.id, group: "Deployments", name: keyOf(deployment), detail: deployment.paused ? "paused deployment" : "deployment",
      act: () => void navigate({ to: "/deployments/$flow/$name", params: { flow: deployment.flow_name, name: deployment.name } }),
    }));
  const datasetCommands = (text ? datasetsOf(uses.data ?? []) : [])
    .filter(({ name }) => fits(name, text))
    .slice(0, FLOWS_SHOWN_MAX)
    .map((dataset): Command => ({
      id: dataset.name, group: "Datasets", name: dataset.name, detail: "dataset", act: () => void navigate({ to: "/datasets", search: { name: dataset.name } }),
    }));
  const runCommands = (text.length > 1 && settled === text ? (runs.data ?? []) : []).map((run): Command => ({
    id: run.id, group: "Runs", name: run.name, detail: run.flow_name, run,
    act: () => void navigate({ to: "/runs/$id", params: { id: run.id } }),
  }));
  return [...runCommands, ...flowCommands, ...deploymentCommands, ...datasetCommands, ...pages, ...actions.filter(({ name }) => fits(name, text))];
}
