import { Link } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import type { Artifact } from "@/api/types";
import { Skeleton } from "@/design/Placeholder";
import { Time } from "@/time/Time";

const ArtifactBody = lazy(async () => ({ default: (await import("@/pages/artifacts/ArtifactBody")).ArtifactBody }));

/** An artifact, shown as what it is. */
export function ArtifactCard({ artifact, withRun = false }: { artifact: Artifact; withRun?: boolean }) {
  return (
    <article className="overflow-hidden rounded-md border border-line">
      <header className="flex flex-wrap items-baseline gap-x-3 gap-y-0.5 border-b border-line bg-sunken px-3 py-1.5">
        <h3 className="font-medium">{artifact.key ?? artifact.type}</h3>
        <span className="rounded border border-line-strong px-1.5 text-xs text-muted">{artifact.type}</span>
        {artifact.description && <span className="min-w-0 truncate text-muted">{artifact.description}</span>}
        <span className="ml-auto text-xs text-muted">
          {withRun && artifact.flow_run_id && <Link to="/runs/$id" params={{ id: artifact.flow_run_id }} className="mr-3 text-accent-strong hover:underline">run {artifact.flow_run_id.slice(-8)}</Link>}
          <Time at={artifact.updated_at} />
        </span>
      </header>
      <div className="p-3"><Suspense fallback={<Skeleton className="h-16" />}><ArtifactBody artifact={artifact} /></Suspense></div>
    </article>
  );
}
