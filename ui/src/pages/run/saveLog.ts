import type { LogLine } from "@/api/types";
import { levelOf } from "@/pages/run/levels";
import { toDate } from "@/time/format";

/** Save log lines as a text file. */
export function saveLog(name: string, lines: readonly LogLine[]): void {
  const text = lines.map((line) => `${toDate(line.at).toISOString()} ${levelOf(line.level).word.padEnd(8)} ${line.message}`).join("\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/plain" }));
  link.download = `${name}.log`;
  link.click();
  URL.revokeObjectURL(link.href);
}
