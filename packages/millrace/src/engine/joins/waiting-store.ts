import type { ObjectCodec, StoreDefinition } from '../../state/row-codec.ts'
import { storedValue } from '../../state/stored-value.ts'
import type { Waiting } from './join-buffer.ts'

/** What the store of waiting records is made of. A row is the place of its list and the number of the last chunk, where `JoinBuffer` looks for them. */
export function waitingDefinition(
  step: string,
  bucketMs: number,
  keySerde: string,
  nextSeed: () => number,
): StoreDefinition {
  return {
    layout: {
      step,
      kind: 'windows',
      columns: [
        { name: 'waiting', aggregator: 'waiting', doubles: 0, objects: 1, version: 1 },
        { name: '#last', aggregator: '#last', doubles: 1, objects: 0, version: 1 },
      ],
      keySerde,
      window: { kind: 'join', bucketMs },
      version: 1,
    },
    initial: [0],
    objects: [waitingRecords],
    nextSeed,
  }
}

type Stored = readonly [t: number, w: number | null, isDone: 0 | 1, v: unknown]

const waitingRecords: ObjectCodec<Waiting[]> = {
  initial: () => [],
  // JSON has no infinity, and some records are judged by none.
  encode: all =>
    all.map(
      ({ t, w, v, isDone }): Stored => [
        t,
        Number.isFinite(w) ? w : null,
        isDone ? 1 : 0,
        storedValue.encode(v),
      ],
    ),
  decode: (stored, version) =>
    (stored as readonly Stored[]).map(([t, w, isDone, v]) => ({
      t,
      w: w ?? Number.NEGATIVE_INFINITY,
      v: storedValue.decode(v, version),
      isDone: isDone === 1,
    })),
}
