import type {EventSink} from './events.js';

/** Every event to every sink, in order. */
export function tee(...sinks: readonly EventSink[]): EventSink {
  return {
    emit(event) {
      for (const sink of sinks) sink.emit(event);
    },
  };
}
