/** In ms: then the next step runs, and this thread is no longer busy starting it. */
const pause = 8;

/** Work that nobody waits for yet. */
export interface WhileStepsRun {
  begin(work: () => void): void;
  /** What has not begun does not. Idempotent. */
  close(): void;
}

export function whileStepsRun(): WhileStepsRun {
  const soon = new Set<NodeJS.Timeout>();
  return {
    begin(work) {
      const timer = setTimeout(() => {
        soon.delete(timer);
        work();
      }, pause);
      soon.add(timer);
    },
    close() {
      for (const timer of soon) clearTimeout(timer);
    },
  };
}
