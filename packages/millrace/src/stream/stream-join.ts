import type { DeepReadonly } from '../plan/readonly.ts'
import type { StreamRecord } from '../plan/record.ts'
import type { Duration } from '../std/duration.ts'
import type { NotPromise } from './callback-types.ts'
import type { Stream } from './stream.ts'

/** Which records of the right stream meet one of the left, by their times; both ends are part of it. */
export interface JoinInterval {
  /** How much earlier than the left record the right one may be; 0 by default. */
  readonly before?: Duration
  /** How much later than the left record the right one may be; 0 by default. */
  readonly after?: Duration
  /** How long after the interval's end its records may still come; 0 by default. */
  readonly grace?: Duration
}

/** The result of two records; `record` has their key and the later of their times. */
export type JoinPair<L, R, K, S> = (
  left: DeepReadonly<L>,
  right: DeepReadonly<R>,
  record: StreamRecord<K>,
) => NotPromise<S>

/** The results of a join of streams. */
export interface JoinResults<V, K, F> extends Stream<V, K, F> {
  /** Records of either stream that came when nothing could meet them any more. */
  readonly late: Stream<F, K>
}
