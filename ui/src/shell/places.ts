import { Activity, Boxes, CalendarDays, FileBarChart2, Gauge, House, Layers, ListTree, Rocket, Server, Settings, Workflow } from "lucide-react";
import type { LucideIcon } from "lucide-react";

export interface Place {
  to: "/" | "/runs" | "/flows" | "/deployments" | "/calendar" | "/work-pools" | "/compare" | "/artifacts" | "/datasets" | "/concurrency" | "/events" | "/settings";
  name: string;
  icon: LucideIcon;
  /** Typed after `g`. */
  key: string;
}

/** Where one can go, in the order of the navigation. */
export const PLACES: readonly Place[] = [
  { to: "/", name: "Home", icon: House, key: "h" },
  { to: "/runs", name: "Runs", icon: ListTree, key: "r" },
  { to: "/flows", name: "Flows", icon: Workflow, key: "f" },
  { to: "/deployments", name: "Deployments", icon: Rocket, key: "d" },
  { to: "/calendar", name: "Calendar", icon: CalendarDays, key: "t" },
  { to: "/work-pools", name: "Work pools", icon: Server, key: "w" },
  { to: "/compare", name: "Compare", icon: Layers, key: "c" },
  { to: "/artifacts", name: "Artifacts", icon: FileBarChart2, key: "a" },
  { to: "/datasets", name: "Datasets", icon: Boxes, key: "l" },
  { to: "/concurrency", name: "Concurrency", icon: Gauge, key: "k" },
  { to: "/events", name: "Events", icon: Activity, key: "e" },
  { to: "/settings", name: "Settings", icon: Settings, key: "s" },
];
