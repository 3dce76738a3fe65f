import type { ReactNode } from "react";
import { TABLE } from "@/design/table";

export interface SideRow {
  name: string;
  left: ReactNode;
  right: ReactNode;
  same: boolean;
  change?: ReactNode;
}

/** Two columns side by side; what differs is marked, in words too. */
export function SideTable({ label, rows }: { label: string; rows: readonly SideRow[] }) {
  return (
    <div className={TABLE.frame} tabIndex={0} role="region" aria-label={`${label}, side by side`}>
      <table className={`${TABLE.table} table-fixed`}>
        <thead><tr className={TABLE.head}><th scope="col" className="w-48">{label}</th><th scope="col">A</th><th scope="col">B</th><th scope="col" className="w-36 text-right">Difference</th></tr></thead>
        <tbody>
          {rows.map(({ name, left, right, same, change }) => (
            <tr key={name} className={`${TABLE.row} ${same ? "" : "bg-warn-soft"}`}>
              <th scope="row" className="truncate px-3.5 text-left font-normal text-muted" title={name}>{name}</th>
              <td className="whitespace-normal!">{left}</td><td className="whitespace-normal!">{right}</td>
              <td className="text-right">{change ?? (same ? <span className="text-xs text-faint">same</span> : <span className="text-xs font-medium text-warn">differs</span>)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
