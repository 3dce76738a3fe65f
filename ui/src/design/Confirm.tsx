import type { ReactNode } from "react";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";

const ITEMS_SHOWN_MAX = 8;

interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  onConfirm: () => void;
  title: string;
  verb: string;
  /** What it will happen to. */
  items?: readonly string[];
  busy?: boolean;
  kind?: "danger" | "primary";
  children: ReactNode;
}

/** Says what will happen to what, and how many, before it happens. */
export function Confirm({ open, onClose, onConfirm, title, verb, items = [], busy = false, kind = "danger", children }: ConfirmProps) {
  return (
    <Dialog open={open} onClose={onClose} title={title} description={children}>
      {items.length > 0 && (
        <ul className="mb-4 rounded-md border border-line bg-sunken px-3 py-2 font-mono text-xs">
          {items.slice(0, ITEMS_SHOWN_MAX).map((item) => <li key={item} className="truncate">{item}</li>)}
          {items.length > ITEMS_SHOWN_MAX && <li className="text-muted">… and {items.length - ITEMS_SHOWN_MAX} more</li>}
        </ul>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Leave as it is</Button>
        <Button kind={kind} disabled={busy} onClick={onConfirm}>{verb}</Button>
      </div>
    </Dialog>
  );
}
