import { useQuery } from "@tanstack/react-query";
import { usesQuery } from "@/api/queries/catalogue";
import type { FlowRun } from "@/api/types";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { UseTable } from "@/pages/datasets/UseTable";

const HOW = `trips = Dataset("taxi/green")

@flow
def load():
    trips.write(table)      # one version, tied to this run`;

/** The datasets a run read and wrote. */
export function DatasetsTab({ run }: { run: FlowRun }) {
  const uses = useQuery(usesQuery({ flow_run_id: run.id }));
  if (uses.isError) return <Fault error={uses.error} retry={() => void uses.refetch()} />;
  if (!uses.data) return <SkeletonRows rows={4} />;
  if (uses.data.length === 0) return <Empty title="This run read and wrote no dataset" code={HOW} />;
  return <UseTable uses={uses.data} />;
}
