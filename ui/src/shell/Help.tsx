import { Dialog } from "@/design/Dialog";
import { SHORTCUTS } from "@/shell/shortcuts";

/** The keyboard shortcuts. */
export function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Keyboard shortcuts">
      <dl className="grid grid-cols-[max-content_1fr] items-baseline gap-x-5 gap-y-2">
        {SHORTCUTS.map(([keys, meaning]) => (
          <div key={keys} className="contents">
            <dt><kbd className="rounded border border-line-strong bg-sunken px-1.5 py-0.5 font-mono text-xs">{keys}</kbd></dt>
            <dd className="text-muted">{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
