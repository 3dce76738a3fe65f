import { keepPreviousData, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { ask } from "@/api/http";
import { keys } from "@/api/keys";
import type { Deployment, DeploymentVersion, FlowRun, Page } from "@/api/types";

const DEPLOYMENTS_MAX = 1_000;
const VERSIONS_MAX = 200;

type Named = Pick<Deployment, "flow_name" | "name">;

/** What a deployment is called everywhere: `flow/name`. */
export const keyOf = ({ flow_name, name }: Named): string => `${flow_name}/${name}`;

/** Flow and name of a key; flows and deployments have no slash in their names. */
export function partsOf(key: string): Named {
  const [flow_name = "", name = ""] = key.split(/\/(.*)/s);
  return { flow_name, name };
}

/** A key in the path of a route. */
export const pathOf = (key: string): string => key.split("/").map(encodeURIComponent).join("/");

export interface DeploymentFilter {
  name_contains?: string;
  flow_name?: string;
  work_pool?: string;
}

/** Deployments by flow and name. */
export const deploymentsQuery = (filter: DeploymentFilter = {}) =>
  queryOptions({
    queryKey: [...keys.deployments, "list", filter],
    queryFn: ({ signal }) => ask<Page<Deployment>>("GET", "/deployments", { query: { ...filter, name_contains: filter.name_contains || null, limit: DEPLOYMENTS_MAX }, signal }),
    placeholderData: keepPreviousData,
  });

export const deploymentQuery = (key: string) =>
  queryOptions({
    queryKey: keys.deployment(key),
    queryFn: ({ signal }) => ask<Deployment>("GET", `/deployments/${pathOf(key)}`, { signal }),
  });

/** A deployment's versions, newest first. */
export const versionsQuery = (key: string) =>
  queryOptions({
    queryKey: [...keys.deployment(key), "versions"],
    queryFn: async ({ signal }) =>
      (await ask<Page<DeploymentVersion>>("GET", `/deployment-versions/${pathOf(key)}`, { query: { limit: VERSIONS_MAX }, signal })).items,
  });

function useChange<T, A>(change: (value: T) => Promise<A>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => Promise.all([keys.deployments, keys.ticks, keys.runs, keys.charts].map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}

export const usePauseDeployment = () =>
  useChange(({ key, paused }: { key: string; paused: boolean }) => ask<Deployment>("POST", `/deployment-pauses/${pathOf(key)}`, { body: { paused } }));

export const useVersion = () =>
  useChange(({ key, number }: { key: string; number: number }) => ask<Deployment>("POST", `/deployment-versions/${pathOf(key)}`, { body: { number } }));

export const useDeleteDeployment = () => useChange((key: string) => ask("DELETE", `/deployments/${pathOf(key)}`));

export interface RunDraft {
  key: string;
  parameters: Readonly<Record<string, unknown>>;
  at: number | null;
  name: string | null;
  tags: readonly string[];
  job_variables: Readonly<Record<string, unknown>>;
}

/** Ask for a run; a worker starts it. */
export const useRequestRun = () =>
  useChange(({ key, ...body }: RunDraft) => ask<FlowRun>("POST", `/deployment-runs/${pathOf(key)}`, { body }));
