import type { ReactNode } from "react";
import { ApiError } from "@/api/http";
import { Button } from "@/design/Button";

/** What stands where text will be. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={`skeleton block h-4 ${className ?? ""}`} />;
}

/** Rows that are on their way. */
export function SkeletonRows({ rows = 6 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-2.5 p-3.5">
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} className="skeleton block h-4.5" style={{ width: `${92 - ((row * 37) % 40)}%` }} />
      ))}
    </div>
  );
}

interface EmptyProps {
  title: string;
  children?: ReactNode;
  /** What to type to get the first row. */
  code?: string;
  className?: string;
}

/** A list without rows, and how to get the first one. */
export function Empty({ title, children, code, className }: EmptyProps) {
  return (
    <div className={`flex flex-col items-center gap-1.5 px-6 py-10 text-center ${className ?? ""}`}>
      <p className="text-base font-medium">{title}</p>
      {children && <div className="max-w-prose text-muted">{children}</div>}
      {code && (
        <pre tabIndex={0} aria-label="What to type" className="mt-2 max-w-full overflow-x-auto rounded-md border border-line bg-sunken px-4 py-3 text-left font-mono text-xs leading-relaxed">
          {code}
        </pre>
      )}
    </div>
  );
}

interface FaultProps {
  error: unknown;
  retry?: () => void;
}

/** What went wrong in asking, and how to ask again. */
export function Fault({ error, retry }: FaultProps) {
  const title = error instanceof ApiError && error.status === 404 ? "Not found" : "That did not work";
  return (
    <div role="alert" className="flex flex-col items-center gap-2 px-6 py-10 text-center">
      <p className="text-base font-medium">{title}</p>
      <p className="max-w-prose text-muted">{error instanceof Error ? error.message : String(error)}</p>
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}
