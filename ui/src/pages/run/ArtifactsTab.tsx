import { useInfiniteQuery } from "@tanstack/react-query";
import { artifactPagesQuery } from "@/api/queries/catalogue";
import type { FlowRun } from "@/api/types";
import { Button } from "@/design/Button";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { ArtifactCard } from "@/pages/artifacts/ArtifactCard";

const HOW = `from penstock.artifacts import create_markdown_artifact

create_markdown_artifact("# 1,204 rows loaded", key="report")`;

/** What the run shows: tables, texts, links, images, progress. */
export function ArtifactsTab({ run }: { run: FlowRun }) {
  const pages = useInfiniteQuery(artifactPagesQuery({ flow_run_id: run.id }));
  if (pages.isError) return <Fault error={pages.error} retry={() => void pages.refetch()} />;
  if (!pages.data) return <SkeletonRows rows={4} />;
  const artifacts = pages.data.pages.flatMap((page) => page.items);
  if (artifacts.length === 0) return <Empty title="This run made no artifacts" code={HOW} />;
  return (
    <div className="flex flex-col gap-3 p-3.5">
      {artifacts.map((artifact) => <ArtifactCard key={artifact.id} artifact={artifact} />)}
      {pages.hasNextPage && <Button className="self-center" onClick={() => void pages.fetchNextPage()}>Show more</Button>}
    </div>
  );
}
