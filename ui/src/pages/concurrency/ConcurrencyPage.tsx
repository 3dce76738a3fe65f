import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { limitsQuery } from "@/api/queries/limits";
import { Button } from "@/design/Button";
import { Card } from "@/design/Card";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { LimitDialog } from "@/pages/concurrency/LimitDialog";
import { LimitRow } from "@/pages/concurrency/LimitRow";
import { TABLE } from "@/design/table";

const HOW = `penstock concurrency-limit create database 2

from penstock.concurrency import concurrency

with concurrency("database"):      # two at once, everywhere
    ...`;

/** What is limited, how much of it is in use, and who holds it. */
export function ConcurrencyPage() {
  const limits = useQuery(limitsQuery);
  const [open, setOpen] = useState(false);
  return (
    <>
      <PageHead title="Concurrency" aside={<Button icon={<Plus size={14} />} onClick={() => setOpen(true)}>New limit</Button>} />
      <Card flush>
        {limits.isError ? <Fault error={limits.error} retry={() => void limits.refetch()} />
          : limits.isPending ? <SkeletonRows />
          : limits.data.length === 0 ? <Empty title="No limits are set" code={HOW}>So many at once, or so many a second, over all flows and machines. A limit named <code>tag:x</code>, <code>task:x</code> or <code>flow:x</code> holds for all that has it.</Empty>
          : (
            <div className={TABLE.frame} tabIndex={0} role="region" aria-label="Limits">
              <table className={TABLE.table}>
                <thead><tr className={TABLE.head}><th scope="col">Limit</th><th scope="col" className="w-2/5">In use</th><th scope="col" className="text-right">Waiting</th><th scope="col">Kind</th><th scope="col" className="text-right">Changed</th><th scope="col"><span className="sr-only">Actions</span></th></tr></thead>
                <tbody>{limits.data.map((limit) => <LimitRow key={limit.name} limit={limit} />)}</tbody>
              </table>
            </div>
          )}
      </Card>
      <LimitDialog key={String(open)} open={open} onClose={() => setOpen(false)} />
    </>
  );
}
