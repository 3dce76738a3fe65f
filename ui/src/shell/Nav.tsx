import { Link } from "@tanstack/react-router";
import { BookOpen, Search } from "lucide-react";
import { LiveMark } from "@/shell/LiveMark";
import { Logo } from "@/shell/Logo";
import { PLACES, type Place } from "@/shell/places";
import { ThemeMenu } from "@/shell/ThemeMenu";

const LINK = "group flex h-8 items-center gap-2.5 rounded-md px-2.5 text-muted transition-colors hover:bg-hover hover:text-ink max-lg:justify-center max-lg:px-0";

/** The navigation: a column of places, icons alone where the window is narrow. */
export function Nav({ openPalette }: { openPalette: () => void }) {
  return (
    <nav aria-label="Main" className="sticky top-0 flex h-dvh flex-col gap-3 border-r border-line bg-surface px-3 py-3.5 max-lg:px-2">
      <Link to="/" className="flex h-8 items-center gap-2.5 px-1.5 text-base font-semibold tracking-tight max-lg:justify-center max-lg:px-0">
        <Logo /> <span className="max-lg:sr-only">Penstock</span>
      </Link>
      <button
        type="button" onClick={openPalette} title="Command palette (Ctrl K)"
        className="flex h-8 items-center gap-2 rounded-md border border-line bg-canvas px-2.5 text-muted hover:border-line-strong max-lg:justify-center max-lg:px-0"
      >
        <Search size={14} aria-hidden />
        <span className="flex-1 text-left max-lg:sr-only">Go to or do…</span>
        <kbd className="font-sans text-xs text-faint max-lg:hidden">Ctrl K</kbd>
      </button>
      <ul className="flex flex-col gap-0.5">
        {PLACES.map((place) => <li key={place.to}><PlaceLink place={place} /></li>)}
      </ul>
      <div className="mt-auto flex flex-col gap-2">
        <a href="/docs" className={LINK} title="API documentation">
          <BookOpen size={15} aria-hidden /> <span className="max-lg:sr-only">API documentation</span>
        </a>
        <div className="flex items-center justify-between border-t border-line px-1.5 pt-2.5 max-lg:flex-col max-lg:gap-2">
          <LiveMark />
          <ThemeMenu />
        </div>
      </div>
    </nav>
  );
}

function PlaceLink({ place }: { place: Place }) {
  const Icon = place.icon;
  return (
    <Link
      to={place.to} title={`${place.name} (g ${place.key})`} className={LINK} activeOptions={{ exact: place.to === "/", includeSearch: false }}
      activeProps={{ className: "bg-accent-soft text-accent-strong! font-medium", "aria-current": "page" }}
    >
      <Icon size={15} aria-hidden />
      <span className="max-lg:sr-only">{place.name}</span>
    </Link>
  );
}
