import type { components } from "@/api/schema";

type Schemas = components["schemas"];

export type FlowRun = Schemas["FlowRun"];
export type RunState = FlowRun["state"];
export type RunFilter = Partial<Schemas["RunFilter"]>;
export type StateEntry = Schemas["StateEntry"];
export type Flow = Schemas["Flow"];
export type TaskRun = Schemas["TaskRun"];
export type Attempt = Schemas["Attempt"];
export type LogLine = Schemas["LogLine"];
export type Artifact = Schemas["Artifact"];
export type DatasetUse = Schemas["DatasetUse"];
export type Event = Schemas["Event"];
export type Pruned = Schemas["Pruned"];
export type StoreInfo = Schemas["StoreInfo"];
export type ConcurrencyLimit = Schemas["ConcurrencyLimit"];
export type HeldSlot = Schemas["HeldSlot"];
export type SlotWaiter = Schemas["SlotWaiter"];
export type Upkeep = Schemas["Upkeep"];
export type Version = Schemas["Version"];
export type Session = Schemas["SessionAnswer"];
export type Launched = Schemas["Launched"];
export type MoveOutcome = Schemas["MoveOutcome"];
export type Overview = Schemas["Overview"];
export type RunActivity = Schemas["RunActivity"];
export type RunPoints = Schemas["RunPoints"];
export type RunBar = Schemas["RunBar"];
export type FlowSummary = Schemas["FlowSummary"];
export type FlowGrid = Schemas["FlowGrid"];
export type RunTimeline = Schemas["Timeline"];
export type RunComparison = Schemas["RunComparison"];
export type Deployment = Schemas["Deployment"];
export type DeploymentSpec = Deployment["spec"];
export type DeploymentVersion = Schemas["DeploymentVersion"];
export type ScheduleRow = Schemas["ScheduleRow"];
export type UpcomingTick = Schemas["UpcomingTick"];
export type FiringTime = Schemas["FiringTime"];
export type RunRequest = Schemas["RunRequest"];
export type Explanation = Schemas["Explanation"];
export type RunInput = Schemas["RunInput"];
export type Backfill = Schemas["Backfill"];
export type WorkPool = Schemas["WorkPool"];
export type WorkQueue = Schemas["WorkQueue"];
export type Worker = Schemas["Worker"];
export type TaskMeasure = Schemas["TaskMeasure"];

/** One page of a list; `cursor` continues it, none where it ends. */
export interface Page<T> {
  items: T[];
  cursor?: string | null;
}
