import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { artifactPagesQuery } from "@/api/queries/catalogue";
import { Button } from "@/design/Button";
import { Card } from "@/design/Card";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { SearchBox } from "@/design/SearchBox";
import { ArtifactCard } from "@/pages/artifacts/ArtifactCard";

const HOW = `from penstock import flow
from penstock.artifacts import create_table_artifact

@flow
def report():
    create_table_artifact([{"month": "2020-04", "trips": 35612}], key="trips")`;

/** What runs show: the latest of each key. */
export function ArtifactsPage() {
  const { q = "" } = useSearch({ from: "/artifacts" });
  const navigate = useNavigate({ from: "/artifacts" });
  const pages = useInfiniteQuery(artifactPagesQuery({ latest_only: true }));
  const all = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const wanted = q.toLowerCase();
  const shown = all.filter(({ key, type, description }) => `${key ?? ""} ${type} ${description ?? ""}`.toLowerCase().includes(wanted));
  return (
    <>
      <PageHead title="Artifacts" aside={<SearchBox label="Search artifacts" value={q} onChange={(text) => void navigate({ search: { q: text }, replace: true })} />} />
      <h2 className="sr-only">The latest of each key</h2>
      {pages.isError ? <Card><Fault error={pages.error} retry={() => void pages.refetch()} /></Card>
        : pages.isPending ? <Card flush><SkeletonRows rows={8} /></Card>
        : shown.length === 0 ? <Card>{q ? <Empty title="No artifact fits">Of those read so far. Search for less.</Empty> : <Empty title="No run has made an artifact yet" code={HOW} />}</Card>
        : <div className="columns-[26rem] gap-3 [&>article]:mb-3 [&>article]:break-inside-avoid [&>article]:bg-surface">{shown.map((artifact) => <ArtifactCard key={artifact.id} artifact={artifact} withRun />)}</div>}
      {pages.hasNextPage && <Button className="mx-auto mt-4 flex" onClick={() => void pages.fetchNextPage()}>Show more</Button>}
    </>
  );
}
