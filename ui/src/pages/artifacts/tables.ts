export interface Columns {
  names: string[];
  rows: unknown[][];
}

/** A table artifact's rows: it may be a dict of columns, a list of dicts or a list of rows. */
export function columnsOf(data: unknown): Columns {
  if (Array.isArray(data)) {
    const list = data as unknown[];
    const names = [...new Set(list.flatMap((row) => (isRecord(row) ? Object.keys(row) : [])))];
    if (names.length > 0) return { names, rows: list.map((row) => names.map((name): unknown => (isRecord(row) ? row[name] : null))) };
    return { names: [], rows: list.map((row) => (Array.isArray(row) ? (row as unknown[]) : [row])) };
  }
  if (!isRecord(data)) return { names: [], rows: [[data]] };
  const names = Object.keys(data);
  const columns = names.map((name) => (Array.isArray(data[name]) ? (data[name] as unknown[]) : [data[name]]));
  const length = Math.max(0, ...columns.map((column) => column.length));
  return { names, rows: Array.from({ length }, (_, row) => columns.map((column): unknown => column[row])) };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
