import { ExternalLink } from "lucide-react";
import type { Artifact } from "@/api/types";
import { Markdown } from "@/pages/artifacts/Markdown";
import { safeLink } from "@/pages/artifacts/links";
import { columnsOf } from "@/pages/artifacts/tables";
import { TABLE } from "@/design/table";
import { percent } from "@/time/format";

const ROWS_SHOWN_MAX = 200;

/** What is in an artifact. Whatever its text says, nothing of it becomes HTML. */
export function ArtifactBody({ artifact: { type, data, key } }: { artifact: Artifact }) {
  if (type === "markdown" && typeof data === "string") return <Markdown text={data} />;
  if (type === "table") return <TableBody data={data} name={key ?? "Table"} />;
  if (type === "progress" && typeof data === "number") return <Progress value={data} />;
  if (type === "image" && typeof data === "string") return <ImageBody address={data} name={key ?? "Image"} />;
  if (type === "link" && typeof data === "object" && data !== null) return <LinkBody {...(data)} />;
  return <pre tabIndex={0} aria-label="Data" className="max-h-96 overflow-auto font-mono text-xs">{JSON.stringify(data, null, 2)}</pre>;
}

function TableBody({ data, name }: { data: unknown; name: string }) {
  const { names, rows } = columnsOf(data);
  return (
    <div className={`max-h-96 ${TABLE.frame} overflow-y-auto rounded border border-line`} tabIndex={0} role="region" aria-label={name}>
      <table className={`${TABLE.table} text-xs`}>
        {names.length > 0 && <thead><tr className={TABLE.head}>{names.map((column, place) => <th key={column} scope="col" className={typeof rows[0]?.[place] === "number" ? "text-right" : ""}>{column}</th>)}</tr></thead>}
        <tbody>
          {rows.slice(0, ROWS_SHOWN_MAX).map((row, index) => (
            <tr key={index} className={TABLE.row}>
              {row.map((cell, column) => <td key={column} className={typeof cell === "number" ? "text-right" : ""}>{cell === null || cell === undefined ? <span className="text-faint">–</span> : typeof cell === "object" ? JSON.stringify(cell) : String(cell as string | number)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > ROWS_SHOWN_MAX && <p className="px-3 py-2 text-xs text-muted">… and {rows.length - ROWS_SHOWN_MAX} more rows</p>}
    </div>
  );
}

function Progress({ value }: { value: number }) {
  return (
    <div className="flex items-center gap-3">
      <div role="progressbar" aria-label="Progress" aria-valuenow={value} aria-valuemin={0} aria-valuemax={100} className="h-2 flex-1 overflow-hidden rounded-full bg-sunken">
        <div className="h-full rounded-full bg-accent transition-[width]" style={{ width: `${value}%` }} />
      </div>
      <span className="w-12 text-right font-medium">{percent(value / 100)}</span>
    </div>
  );
}

function ImageBody({ address, name }: { address: string; name: string }) {
  const safe = /^(https?:|data:image\/)/i.test(address) ? address : null;
  return safe ? <img src={safe} alt={name} loading="lazy" className="max-h-96 max-w-full rounded bg-white" /> : <code className="font-mono text-xs break-all">{address}</code>;
}

function LinkBody({ link = "", text = link }: { link?: string; text?: string }) {
  const address = safeLink(link);
  if (!address) return <code className="font-mono text-xs break-all">{link}</code>;
  return <a href={address} rel="noreferrer" target="_blank" className="inline-flex items-center gap-1.5 text-accent-strong underline underline-offset-2">{text}<ExternalLink size={13} aria-hidden /></a>;
}
