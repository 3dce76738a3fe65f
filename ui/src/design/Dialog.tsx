import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { IconButton } from "@/design/Button";

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  children?: ReactNode;
  /** Beside the right edge instead of in the middle. */
  side?: boolean;
  wide?: boolean;
}

const MIDDLE = "left-1/2 top-[12vh] max-h-[76vh] w-[min(94vw,var(--dialog))] -translate-x-1/2 rounded-xl";
const SIDE = "right-0 top-0 h-dvh w-[min(94vw,34rem)] border-y-0 border-r-0";

/** A dialog over the page. */
export function Dialog({ open, onClose, title, description, children, side = false, wide = false }: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className={`fixed inset-0 z-40 ${side ? "bg-black/20" : "bg-black/40"}`} />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          style={{ "--dialog": wide ? "46rem" : "30rem", boxShadow: "0 16px 48px var(--shadow)" } as React.CSSProperties}
          className={`appearing fixed z-50 flex flex-col overflow-hidden border border-line bg-raised ${side ? SIDE : MIDDLE}`}
        >
          <header className="flex items-start justify-between gap-3 px-4 pt-3.5 pb-2">
            <div>
              <Radix.Title className="text-base font-semibold">{title}</Radix.Title>
              {description && <Radix.Description className="mt-1 text-muted">{description}</Radix.Description>}
            </div>
            <Radix.Close asChild><IconButton label="Close"><X size={16} /></IconButton></Radix.Close>
          </header>
          <div className="min-h-0 flex-1 scroll-pb-16 overflow-auto px-4 pb-4">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
