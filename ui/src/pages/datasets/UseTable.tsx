import { Link } from "@tanstack/react-router";
import { ArrowDownToLine, ArrowUpFromLine } from "lucide-react";
import type { DatasetUse } from "@/api/types";
import { Copy } from "@/design/Copy";
import { TABLE } from "@/design/table";
import { byteSize, count } from "@/time/format";
import { Time } from "@/time/Time";

/** Reads and writes of datasets, newest first. */
export function UseTable({ uses, withRun = false }: { uses: readonly DatasetUse[]; withRun?: boolean }) {
  return (
    <div className={TABLE.frame} tabIndex={0} role="region" aria-label="Reads and writes">
      <table className={TABLE.table}>
        <thead>
          <tr className={TABLE.head}>
            <th scope="col">Dataset</th><th scope="col">What</th><th scope="col" className="text-right">Version</th><th scope="col" className="text-right">Rows</th>
            <th scope="col" className="text-right">Bytes</th><th scope="col">Schema</th>{withRun && <th scope="col">Run</th>}<th scope="col" className="text-right">When</th>
          </tr>
        </thead>
        <tbody>
          {uses.map((use, index) => {
            const wrote = use.action !== "read";
            const Icon = wrote ? ArrowDownToLine : ArrowUpFromLine;
            return (
              <tr key={`${use.dataset}-${use.at}-${index}`} className={TABLE.row}>
                <td><Link to="/datasets" search={{ name: use.dataset }} className="font-medium hover:underline">{use.dataset}</Link><Copy text={use.location} what="location" className="ml-3 max-w-72">{use.location}</Copy></td>
                <td><span className={`inline-flex items-center gap-1.5 ${wrote ? "text-accent-strong" : "text-muted"}`}><Icon size={13} aria-hidden />{use.action}</span></td>
                <td className="text-right">{use.version}</td>
                <td className="text-right">{use.rows == null ? "–" : count(use.rows)}</td>
                <td className="text-right">{use.bytes == null ? "–" : byteSize(use.bytes)}</td>
                <td>{use.schema_digest ? <Copy text={use.schema_digest} what="schema digest">{use.schema_digest.slice(0, 8)}</Copy> : <span className="text-faint">–</span>}</td>
                {withRun && <td>{use.flow_run_id ? <Link to="/runs/$id" params={{ id: use.flow_run_id }} className="hover:underline">{use.flow_run_id.slice(-8)}</Link> : "–"}</td>}
                <td className="text-right text-muted"><Time at={use.at} /></td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
