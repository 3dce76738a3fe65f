import { useEffect, type ReactNode } from "react";

interface PageHeadProps {
  title: string;
  /** What stands for the title where a plain text is not enough. */
  heading?: ReactNode;
  aside?: ReactNode;
  children?: ReactNode;
}

/** A page's title, which is the window's too, and what can be done on the page. */
export function PageHead({ title, heading, aside, children }: PageHeadProps) {
  useEffect(() => {
    document.title = `${title} · Penstock`;
  }, [title]);
  return (
    <header className="mb-4 flex flex-wrap items-center justify-between gap-x-6 gap-y-2">
      <div className="max-w-full min-w-0">
        <h1 className="truncate text-lg leading-8 font-semibold tracking-tight">{heading ?? title}</h1>
        {children}
      </div>
      {aside && <div className="flex max-w-full min-w-0 flex-wrap items-center gap-2">{aside}</div>}
    </header>
  );
}
