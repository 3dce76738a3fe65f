import { useState, type SubmitEvent } from "react";
import { useSignIn } from "@/api/queries/server";
import { Button } from "@/design/Button";
import { Logo } from "@/shell/Logo";

/** Asks for the API key that the server was started with. */
export function SignIn() {
  const [key, setKey] = useState("");
  const signIn = useSignIn();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    signIn.mutate(key);
  };
  return (
    <main className="grid min-h-dvh place-items-center p-6">
      <form onSubmit={submit} className="flex w-full max-w-sm flex-col gap-4 rounded-xl border border-line bg-surface p-6">
        <div className="flex items-center gap-3"><Logo size={32} /><h1 className="text-lg font-semibold">Penstock</h1></div>
        <p className="text-muted">This server asks for its API key, the one it was started with as <code className="font-mono text-xs">PENSTOCK_API_KEY</code>.</p>
        <label className="flex flex-col gap-1.5 font-medium">
          API key
          <input
            type="password" autoFocus required autoComplete="current-password" value={key} onChange={(event) => setKey(event.target.value)}
            aria-invalid={signIn.isError} aria-describedby="sign-in-error"
            className="h-9 rounded-md border border-line-strong bg-canvas px-3 font-mono"
          />
        </label>
        <p id="sign-in-error" role="alert" className="text-danger empty:hidden">{signIn.error?.message}</p>
        <Button type="submit" kind="primary" className="h-9 justify-center" disabled={signIn.isPending}>Sign in</Button>
      </form>
    </main>
  );
}
