import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { datasetUsesQuery, usesQuery } from "@/api/queries/catalogue";
import { Card } from "@/design/Card";
import { Copy } from "@/design/Copy";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { TABLE } from "@/design/table";
import { datasetsOf } from "@/pages/datasets/summary";
import { UseTable } from "@/pages/datasets/UseTable";
import { byteSize, count } from "@/time/format";
import { Time } from "@/time/Time";

const HOW = `from penstock import flow
from penstock.lake import Dataset

trips = Dataset("taxi/green")

@flow
def load(table):
    trips.write(table)`;

/** What data the flows keep: what was written when, by which run. */
export function DatasetsPage() {
  const { name } = useSearch({ from: "/datasets" });
  return name ? <OneDataset name={name} /> : <AllDatasets />;
}

function AllDatasets() {
  const uses = useQuery(usesQuery({}, 1_000));
  const datasets = datasetsOf(uses.data ?? []);
  return (
    <>
      <PageHead title="Datasets" />
      <Card flush>
        {uses.isError ? <Fault error={uses.error} retry={() => void uses.refetch()} />
          : uses.isPending ? <SkeletonRows />
          : datasets.length === 0 ? <Empty title="No dataset was read or written yet" code={HOW} />
          : (
            <div className={TABLE.frame} tabIndex={0} role="region" aria-label="Datasets">
              <table className={TABLE.table}>
                <thead><tr className={TABLE.head}><th scope="col">Dataset</th><th scope="col">Where</th><th scope="col" className="text-right">Version</th><th scope="col" className="text-right">Rows</th><th scope="col" className="text-right">Bytes</th><th scope="col" className="text-right">Written</th><th scope="col" className="text-right">Read</th></tr></thead>
                <tbody>
                  {datasets.map((dataset) => (
                    <tr key={dataset.name} className={TABLE.row}>
                      <td><Link to="/datasets" search={{ name: dataset.name }} className="font-medium hover:text-accent-strong hover:underline">{dataset.name}</Link></td>
                      <td><Copy text={dataset.location} what="location" className="max-w-96" /></td>
                      <td className="text-right">{dataset.version ?? "–"}</td>
                      <td className="text-right">{dataset.rows === null ? "–" : count(dataset.rows)}</td>
                      <td className="text-right">{dataset.bytes === null ? "–" : byteSize(dataset.bytes)}</td>
                      <td className="text-right text-muted"><Time at={dataset.writtenAt} /></td>
                      <td className="text-right text-muted"><Time at={dataset.readAt} /></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
      </Card>
    </>
  );
}

function OneDataset({ name }: { name: string }) {
  const uses = useQuery(datasetUsesQuery(name));
  return (
    <>
      <PageHead title={name} heading={<><Link to="/datasets" className="font-medium text-muted hover:text-ink hover:underline">Datasets</Link> <span className="text-faint">/</span> {name}</>} />
      <Card title="Versions and reads, newest first" flush>
        {uses.isError ? <Fault error={uses.error} /> : uses.data ? (uses.data.length > 0 ? <UseTable uses={uses.data} withRun /> : <Empty title="Nothing is known of this dataset" />) : <SkeletonRows />}
      </Card>
    </>
  );
}
