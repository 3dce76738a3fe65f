import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { textOf, writeText } from "@/keys/search";
import { HomePage } from "@/pages/home/HomePage";
import { Shell } from "@/shell/Shell";

const root = createRootRoute({ component: Shell, notFoundComponent: () => <Empty title="There is no such page">Choose one at the left, or press Ctrl K.</Empty> });

/** Keeps the named parts of an address; anything else is dropped. */
const only = <K extends string>(...names: readonly K[]) => (search: Record<string, unknown>): Partial<Record<K, string>> =>
  Object.fromEntries(names.flatMap((name) => {
    const text = search[name];
    return typeof text === "string" && text !== "" ? [[name, text]] : [];
  })) as Partial<Record<K, string>>;

const routes = [
  createRoute({ getParentRoute: () => root, path: "/", component: HomePage, validateSearch: only("range") }),
  createRoute({
    getParentRoute: () => root, path: "/runs", validateSearch: only("state", "flow", "deployment", "q", "tag", "range", "since", "until", "all", "sort"),
    component: lazyRouteComponent(() => import("@/pages/runs/RunsPage"), "RunsPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/runs/$id", validateSearch: only("tab", "task", "level", "q", "state"),
    component: lazyRouteComponent(() => import("@/pages/run/RunPage"), "RunPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/compare", validateSearch: only("a", "b"),
    component: lazyRouteComponent(() => import("@/pages/compare/ComparePage"), "ComparePage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/flows", validateSearch: only("q"),
    component: lazyRouteComponent(() => import("@/pages/flows/FlowsPage"), "FlowsPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/flows/$name", validateSearch: only("range"),
    component: lazyRouteComponent(() => import("@/pages/flow/FlowPage"), "FlowPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/deployments", validateSearch: only("q", "show"),
    component: lazyRouteComponent(() => import("@/pages/deployments/DeploymentsPage"), "DeploymentsPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/deployments/$flow/$name",
    component: lazyRouteComponent(() => import("@/pages/deployment/DeploymentPage"), "DeploymentPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/calendar", validateSearch: only("view", "date", "deployment"),
    component: lazyRouteComponent(() => import("@/pages/calendar/CalendarPage"), "CalendarPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/work-pools",
    component: lazyRouteComponent(() => import("@/pages/pools/PoolsPage"), "PoolsPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/work-pools/$name",
    component: lazyRouteComponent(() => import("@/pages/pools/PoolPage"), "PoolPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/artifacts", validateSearch: only("q", "id"),
    component: lazyRouteComponent(() => import("@/pages/artifacts/ArtifactsPage"), "ArtifactsPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/datasets", validateSearch: only("q", "name"),
    component: lazyRouteComponent(() => import("@/pages/datasets/DatasetsPage"), "DatasetsPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/concurrency", validateSearch: only("name"),
    component: lazyRouteComponent(() => import("@/pages/concurrency/ConcurrencyPage"), "ConcurrencyPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/events", validateSearch: only("kind", "q"),
    component: lazyRouteComponent(() => import("@/pages/events/EventsPage"), "EventsPage"),
  }),
  createRoute({
    getParentRoute: () => root, path: "/settings",
    component: lazyRouteComponent(() => import("@/pages/settings/SettingsPage"), "SettingsPage"),
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  parseSearch: textOf,
  stringifySearch: writeText,
  defaultPreload: "intent",
  defaultPendingComponent: () => <SkeletonRows rows={10} />,
  defaultErrorComponent: ({ error, reset }) => <Fault error={error} retry={reset} />,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
