import { useToasts } from "@/design/toast";

/** What was just done, at the corner of the window. */
export function Toasts() {
  const toasts = useToasts();
  return (
    <div role="status" aria-live="polite" className="fixed right-5 bottom-5 z-60 flex flex-col items-end gap-2">
      {toasts.map(({ id, text, bad }) => (
        <div
          key={id} style={{ boxShadow: "0 8px 24px var(--shadow)" }}
          className={`appearing max-w-md rounded-lg border bg-raised px-3.5 py-2.5 ${bad ? "border-danger text-danger" : "border-line-strong"}`}
        >
          {text}
        </div>
      ))}
    </div>
  );
}
