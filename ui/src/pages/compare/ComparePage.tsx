import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowLeftRight } from "lucide-react";
import { comparisonQuery } from "@/api/queries/charts";
import { IconButton } from "@/design/Button";
import { Card } from "@/design/Card";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { Facts } from "@/pages/compare/Facts";
import { RunPicker } from "@/pages/compare/RunPicker";
import { DatasetRows, ParameterRows, TaskRows } from "@/pages/compare/rows";

/** What differs between two runs. */
export function ComparePage() {
  const { a = "", b = "" } = useSearch({ from: "/compare" });
  const navigate = useNavigate({ from: "/compare" });
  const found = useQuery(comparisonQuery(a, b));
  const choose = (side: "a" | "b") => (id: string) => void navigate({ search: (old) => ({ ...old, [side]: id }) });
  return (
    <>
      <PageHead title="Compare" />
      <div className="mb-3 grid grid-cols-[minmax(0,1fr)_auto_minmax(0,1fr)] items-end gap-3">
        <RunPicker label="A" id={a} like={b} onChoose={choose("a")} />
        <IconButton label="Swap A and B" className="mb-1" onClick={() => void navigate({ search: { a: b, b: a } })}><ArrowLeftRight size={15} /></IconButton>
        <RunPicker label="B" id={b} like={a} onChoose={choose("b")} />
      </div>
      {!a || !b ? <Card><Empty title="Choose two runs">Two of the same flow say the most: what changed between the one that went well and the one that did not.</Empty></Card>
        : found.isError ? <Card><Fault error={found.error} retry={() => void found.refetch()} /></Card>
        : !found.data ? <Card flush><SkeletonRows rows={12} /></Card>
        : (
          <div className="flex flex-col gap-3">
            <Facts comparison={found.data} />
            <Card title="Parameters" flush><ParameterRows comparison={found.data} /></Card>
            <Card title="Tasks" flush><TaskRows comparison={found.data} /></Card>
            <Card title="Datasets" flush><DatasetRows comparison={found.data} /></Card>
          </div>
        )}
    </>
  );
}
