import { Check, ChevronDown } from "lucide-react";
import { DropdownMenu as Radix } from "radix-ui";
import type { ReactNode } from "react";

interface Choice {
  value: string;
  label: ReactNode;
}

interface ChooseProps {
  label: string;
  /** What the button shows; the label if nothing is chosen. */
  shown?: ReactNode;
  choices: readonly Choice[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
  /** One at most. */
  single?: boolean;
}

const PANEL = "appearing z-50 max-h-80 min-w-44 overflow-auto rounded-lg border border-line-strong bg-raised p-1";
const ITEM = "flex h-8 cursor-pointer items-center gap-2 rounded-md px-2 outline-none select-none data-[highlighted]:bg-hover";

/** A button that opens a list to choose from. */
export function Choose({ label, shown, choices, chosen, onChange, single = false }: ChooseProps) {
  const flip = (value: string) => {
    const rest = chosen.filter((other) => other !== value);
    onChange(rest.length < chosen.length ? rest : single ? [value] : [...rest, value]);
  };
  const active = chosen.length > 0;
  return (
    <Radix.Root>
      <Radix.Trigger
        className={`inline-flex h-8 items-center gap-1.5 rounded-md border px-2.5 whitespace-nowrap ${active ? "border-accent bg-accent-soft text-accent-strong" : "border-line-strong bg-surface hover:bg-hover"}`}
      >
        {shown ?? label} <ChevronDown size={13} aria-hidden className="opacity-60" />
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content align="start" sideOffset={4} className={PANEL} style={{ boxShadow: "0 8px 28px var(--shadow)" }} aria-label={label}>
          {choices.length === 0 && <p className="px-2 py-1.5 text-muted">None yet</p>}
          {choices.map(({ value, label: text }) => (
            <Radix.CheckboxItem
              key={value} checked={chosen.includes(value)} onCheckedChange={() => flip(value)} className={ITEM}
              {...(single ? {} : { onSelect: (event: Event) => event.preventDefault() })}
            >
              <span className="flex size-4 items-center"><Radix.ItemIndicator><Check size={14} /></Radix.ItemIndicator></span>
              {text}
            </Radix.CheckboxItem>
          ))}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface Action {
  label: string;
  icon?: ReactNode;
  act: () => void;
  danger?: boolean;
  disabled?: boolean;
}

/** A button that opens a list of things to do. */
export function Actions({ trigger, actions }: { trigger: ReactNode; actions: readonly Action[] }) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content align="end" sideOffset={4} className={PANEL} style={{ boxShadow: "0 8px 28px var(--shadow)" }}>
          {actions.map(({ label, icon, act, danger, disabled }) => (
            <Radix.Item key={label} onSelect={act} disabled={disabled ?? false} className={`${ITEM} data-[disabled]:opacity-50 ${danger ? "text-danger" : ""}`}>
              {icon}{label}
            </Radix.Item>
          ))}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
