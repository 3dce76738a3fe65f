import { useEffect, type RefObject } from "react";

interface RowKeys {
  onSelect?: (id: string) => void;
}

/** j and k move over rows marked `data-row`, by focusing their link; x selects. Enter is the link's own. */
export function useRowKeys(container: RefObject<HTMLElement | null>, { onSelect }: RowKeys = {}): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)
        && (event.target as HTMLInputElement).type !== "checkbox";
      if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("[role=dialog]")) return;
      const rows = [...(container.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
      const at = rows.findIndex((row) => row.contains(document.activeElement));
      const step = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
      if (step !== 0) {
        const next = rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + step))];
        next?.querySelector<HTMLElement>("a, button")?.focus();
        next?.scrollIntoView({ block: "nearest" });
      } else if (event.key === "x" && at >= 0) {
        const id = rows[at]?.dataset["row"];
        if (id) onSelect?.(id);
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  });
}
