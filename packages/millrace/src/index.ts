export { defineConfig, type MillraceConfig } from './cli/config.ts'
export type { AsyncCall } from './plan/async-call.ts'
export {
  describeGraph,
  type InputDescription,
  type PipelineDescription,
  type StepDescription,
  type SubTopologyDescription,
} from './plan/describe.ts'
export { descriptionMermaid } from './plan/describe-mermaid.ts'
export { descriptionText } from './plan/describe-text.ts'
export { type Out, type OutOptions, out } from './plan/out.ts'
export { PlanError } from './plan/plan-error.ts'
export type {
  BroadcastRows,
  KeyContext,
  ListState,
  MapState,
  MapStateKey,
  ProcessContext,
  TimerContext,
  Timers,
  ValueState,
} from './plan/process.ts'
export type { DeepReadonly } from './plan/readonly.ts'
export type { RecordHeader, StreamRecord } from './plan/record.ts'
export type { Topic } from './plan/topic.ts'
export type {
  App,
  Health,
  KeyResult,
  Logger,
  PausedInput,
  PipelineHealth,
  RangeQuery,
  RestoreHealth,
  SendOptions,
  SentRecord,
  StartOptions,
  StopOptions,
  StoreQuery,
  StoreView,
  TaskHealth,
  WindowQuery,
  WindowResult,
} from './runtime/app.ts'
export type { PipelineLike, PipelineSource } from './runtime/pipeline-source.ts'
export { PipelineStopped } from './runtime/pipeline-stopped.ts'
export { start } from './runtime/start.ts'
export { bytes } from './serde/bytes.ts'
export { json } from './serde/json.ts'
export type { KeySerde } from './serde/key.ts'
export { keys } from './serde/keys.ts'
export { number } from './serde/number.ts'
export type { Serde } from './serde/serde.ts'
export { string } from './serde/text.ts'
export type { Duration } from './std/duration.ts'
export {
  type Aggregate,
  avg,
  type CollectOptions,
  type CustomOptions,
  collect,
  count,
  countDistinct,
  custom,
  first,
  last,
  max,
  min,
  type QuantileOptions,
  quantile,
  sum,
} from './stream/aggregates.ts'
export type { AsyncCallback, AsyncMapOptions, AsyncRetryOptions } from './stream/async-map.ts'
export type { RetryOptions, StepOptions } from './stream/callback-types.ts'
export {
  type AfterCount,
  type AfterCountOptions,
  afterCount,
  type Every,
  type EveryOptions,
  every,
  type When,
  type WhenOptions,
  when,
} from './stream/emission.ts'
export type { DedupeOptions } from './stream/operators/dedupe.ts'
export type { FieldOf } from './stream/operators/field.ts'
export type { Lagged } from './stream/operators/lag.ts'
export type { Match, Matches, MatchOptions } from './stream/operators/pattern/match.ts'
export type { Matched, Pattern, WherePredicate } from './stream/operators/pattern/pattern.ts'
export type { RateLimited, RateLimitOptions } from './stream/operators/rate.ts'
export type { InSession, SessionPlace, Sessions } from './stream/operators/sessionize.ts'
export type { HeavyHitter, TopKOptions } from './stream/operators/top-k.ts'
export type { TopNOptions } from './stream/operators/top-n.ts'
export {
  type Pipeline,
  type PipelineBuilder,
  type PipelineSettings,
  pipeline,
  type SourceOptions,
} from './stream/pipeline.ts'
export {
  type Broadcast,
  type BroadcastTables,
  type ProcessCallback,
  type ProcessOptions,
  type ProcessResults,
  type SideOutput,
  type SideOutputs,
  type State,
  type StateHandles,
  type StateOptions,
  type States,
  side,
  state,
} from './stream/process.ts'
export type {
  CountStream,
  CountTable,
  EmitOptions,
  EventWindowStream,
  ForEachOptions,
  KeyByOptions,
  KeyedStream,
  Sink,
  SourceStream,
  Stream,
  WindowedStream,
  WindowedTable,
  WindowResults,
  WindowRow,
} from './stream/stream.ts'
export type { JoinInterval, JoinPair, JoinResults } from './stream/stream-join.ts'
export type {
  AggregateTable,
  ForeignJoinOptions,
  GlobalJoinOptions,
  GlobalTable,
  GlobalTableOptions,
  GroupedTable,
  JoinedTables,
  JoinOptions,
  JoinRow,
  JoinRows,
  JoinTablesOptions,
  RowsOf,
  SourceTable,
  Table,
  TableOptions,
  TableRowOptions,
} from './stream/table.ts'
export { type TopicOptions, topic } from './stream/topic.ts'
export { type CalendarOptions, type CalendarUnit, type CalendarWindow, calendar } from './window/calendar.ts'
export { type CountWindow, type CountWindowOptions, countWindow } from './window/count-window.ts'
export { type Cron, type CronOptions, cron } from './window/cron.ts'
export { type HoppingOptions, type HoppingWindow, hopping } from './window/hopping.ts'
export { type SessionOptions, type SessionWindow, session } from './window/session.ts'
export { type SlidingOptions, type SlidingWindow, sliding } from './window/sliding.ts'
export { type TumblingOptions, type TumblingWindow, tumbling } from './window/tumbling.ts'
