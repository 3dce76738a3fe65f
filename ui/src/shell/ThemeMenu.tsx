import { Monitor, Moon, Sun } from "lucide-react";
import { setTheme, useTheme, type Theme } from "@/shell/theme";

const CHOICES = [
  ["system", "Like the system", Monitor],
  ["light", "Light", Sun],
  ["dark", "Dark", Moon],
] as const satisfies readonly (readonly [Theme, string, unknown])[];

/** Light, dark, or as the system says: one button that goes round. */
export function ThemeMenu() {
  const theme = useTheme();
  const at = CHOICES.findIndex(([name]) => name === theme);
  const [, word, Icon] = CHOICES[at] ?? CHOICES[0];
  const [next] = CHOICES[(at + 1) % CHOICES.length] ?? CHOICES[0];
  return (
    <button
      type="button" onClick={() => setTheme(next)} aria-label={`Theme: ${word}. Change`} title={`Theme: ${word}`}
      className="inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-ink"
    >
      <Icon size={15} aria-hidden />
    </button>
  );
}
