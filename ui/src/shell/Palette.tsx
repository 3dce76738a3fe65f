import { Dialog as Radix } from "radix-ui";
import { Search } from "lucide-react";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { StateMark } from "@/design/StateMark";
import { useCommands, type Command } from "@/shell/commands";

/** The command palette: type, choose with the arrows, Enter. */
export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/35 backdrop-blur-[1px]" />
        <Radix.Content
          aria-describedby={undefined} style={{ boxShadow: "0 16px 48px var(--shadow)" }}
          className="appearing fixed top-[12vh] left-1/2 z-50 flex max-h-[64vh] w-[min(94vw,38rem)] -translate-x-1/2 flex-col overflow-hidden rounded-xl border border-line bg-raised"
        >
          <Radix.Title className="sr-only">Command palette</Radix.Title>
          <Chooser onClose={onClose} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function Chooser({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const commands = useCommands(text.trim());
  const at = Math.min(chosen, commands.length - 1);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [at]);
  const choose = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.act();
  };
  const press = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      setChosen((at + step + commands.length) % Math.max(1, commands.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      choose(commands[at]);
    }
  };
  return (
    <>
      <div className="flex items-center gap-2.5 border-b border-line px-4">
        <Search size={16} aria-hidden className="text-faint" />
        <input
          autoFocus role="combobox" aria-expanded aria-controls="palette" aria-label="Search runs, flows, pages and actions"
          aria-activedescendant={commands[at] ? `palette-${at}` : undefined} value={text} onKeyDown={press}
          onChange={(event) => { setText(event.target.value); setChosen(0); }}
          placeholder="A run's name or id, a flow, a page, an action…"
          className="h-11 flex-1 bg-transparent text-base outline-none placeholder:text-faint"
        />
      </div>
      <div ref={list} id="palette" role="listbox" aria-label="Commands" className="overflow-auto p-1.5">
        {commands.length === 0 && <p className="px-3 py-6 text-center text-muted">Nothing fits “{text}”.</p>}
        {commands.map((command, index) => (
          <Row
            key={`${command.group}${command.id}`} id={`palette-${index}`} command={command} selected={index === at}
            heading={commands[index - 1]?.group !== command.group} onChoose={() => choose(command)} onPoint={() => setChosen(index)}
          />
        ))}
      </div>
    </>
  );
}

interface RowProps {
  id: string;
  command: Command;
  selected: boolean;
  heading: boolean;
  onChoose: () => void;
  onPoint: () => void;
}

function Row({ id, command, selected, heading, onChoose, onPoint }: RowProps) {
  return (
    <>
      {heading && <div role="presentation" className="px-2.5 pt-2 pb-1 text-xs font-medium text-faint">{command.group}</div>}
      <div
        id={id} role="option" aria-selected={selected} onClick={onChoose} onPointerMove={onPoint}
        className={`flex h-8 cursor-pointer items-center gap-2.5 rounded-md px-2.5 ${selected ? "bg-accent-soft text-accent-strong" : ""}`}
      >
        {command.run && <StateMark type={command.run.state.type} name={command.run.state.name} titled />}
        <span className="flex-1 truncate">{command.name}</span>
        {command.detail && <span className={`truncate text-xs ${selected ? "" : "text-faint"}`}>{command.detail}</span>}
      </div>
    </>
  );
}
