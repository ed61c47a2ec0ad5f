import type {BuildEventBody, EventSink} from '../progress/events.js';

/**
 * Events of one of several builds for a display that shows them all: its steps have ids and names of their own, and its
 * result is left out, since it is not the end.
 */
export function prefixedEvents(sink: EventSink, prefix: string): EventSink {
  const step = (id: string): string => `${prefix}/${id}`;
  return {
    emit(event: BuildEventBody) {
      switch (event.type) {
        case 'result':
          return;
        case 'warning':
        case 'note':
          sink.emit(event);
          return;
        case 'step-started':
        case 'step-cached':
          sink.emit({...event, step: step(event.step), name: named(event.name, prefix)});
          return;
        default:
          sink.emit({...event, step: step(event.step)});
      }
    },
  };
}

/** Notes and warnings that several builds have are said once. */
export function onceEach(sink: EventSink): EventSink {
  const said = new Set<string>();
  return {
    emit(event) {
      if (event.type === 'note' || event.type === 'warning') {
        if (said.has(event.message)) return;
        said.add(event.message);
      }
      sink.emit(event);
    },
  };
}

/** `[builder 3/7] RUN make` as `[v1: builder 3/7] RUN make`: the part in brackets stays what displays count steps by. */
function named(name: string, prefix: string): string {
  return name.startsWith('[') ? `[${prefix}: ${name.slice(1)}` : `${prefix}: ${name}`;
}
