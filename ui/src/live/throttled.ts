export interface Throttled {
  (): void;
  stop: () => void;
}

/** Do it now, then at most once in so long, and once more for what was asked meanwhile. */
export function throttled(milliseconds: number, act: () => void): Throttled {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asked = false;
  const rest = () => {
    timer = undefined;
    if (!asked) return;
    asked = false;
    perform();
  };
  const perform = () => {
    act();
    timer = setTimeout(rest, milliseconds);
  };
  const throttle = () => {
    if (timer === undefined) perform();
    else asked = true;
  };
  throttle.stop = () => clearTimeout(timer);
  return throttle;
}
