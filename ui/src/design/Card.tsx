import { useId, type ReactNode } from "react";

interface CardProps {
  title?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
  /** The content reaches the card's edges: tables, charts. */
  flush?: boolean;
}

/** A surface with a title. */
export function Card({ title, aside, children, className, flush = false }: CardProps) {
  const id = useId();
  return (
    <section
      aria-labelledby={title ? id : undefined}
      className={`min-w-0 overflow-hidden rounded-lg border border-line bg-surface ${className ?? ""}`}
    >
      {title && (
        <header className="flex min-h-10 items-center justify-between gap-3 px-3.5 pt-1.5 pb-1">
          <h2 id={id} className="text-sm font-semibold">{title}</h2>
          {aside}
        </header>
      )}
      <div className={flush ? "" : `px-3.5 pb-3.5 ${title ? "pt-0.5" : "pt-3.5"}`}>{children}</div>
    </section>
  );
}
