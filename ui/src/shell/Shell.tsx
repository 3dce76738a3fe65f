import { useQuery } from "@tanstack/react-query";
import { Outlet, useRouterState } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { sessionQuery } from "@/api/queries/server";
import { useLiveChanges } from "@/live/useLiveChanges";
import { Help } from "@/shell/Help";
import { Nav } from "@/shell/Nav";
import { Palette } from "@/shell/Palette";
import { useShortcuts } from "@/shell/shortcuts";
import { SignIn } from "@/shell/SignIn";
import { Toasts } from "@/design/Toasts";

/** What stands around every page. */
export function Shell() {
  const session = useQuery(sessionQuery);
  if (session.data?.key_needed && !session.data.signed_in) return <SignIn />;
  return <SignedIn />;
}

function SignedIn() {
  const [open, setOpen] = useState<"palette" | "help" | null>(null);
  const openPalette = useCallback(() => setOpen("palette"), []);
  const openHelp = useCallback(() => setOpen("help"), []);
  const close = useCallback(() => setOpen(null), []);
  useShortcuts({ openPalette, openHelp });
  const main = useRef<HTMLElement>(null);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useLiveChanges(/^\/runs\/([0-9a-f-]{32,36})$/.exec(path)?.[1], path === "/events");
  const first = useRef(true);
  useEffect(() => {
    // After going to another page the keyboard starts at its content.
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [path]);
  return (
    <div className="grid min-h-dvh grid-cols-[13rem_minmax(0,1fr)] max-lg:grid-cols-[3.25rem_minmax(0,1fr)]">
      <a href="#main" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-surface focus:px-3 focus:py-2">
        Skip to the content
      </a>
      <Nav openPalette={openPalette} />
      <main id="main" ref={main} tabIndex={-1} className="min-w-0 px-6 pt-4 pb-10 outline-none max-sm:px-3">
        <Outlet />
      </main>
      <Palette open={open === "palette"} onClose={close} />
      <Help open={open === "help"} onClose={close} />
      <Toasts />
    </div>
  );
}
