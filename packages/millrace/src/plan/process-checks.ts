import { checkCallback } from './callbacks.ts'
import type { ProcessNode, StateSpec } from './graph.ts'
import type { GraphBuilder } from './graph-builder.ts'
import { checkName } from './names.ts'

const STATE_KINDS = ['value', 'list', 'map']
const STATE_CALLBACKS = ['encode', 'decode', 'migrate'] as const

/** Throws unless a process step can run; made when the step is added, so that an error's stack shows the user's line. */
export function checkProcess(builder: GraphBuilder, node: Omit<ProcessNode, 'id'>): void {
  const { name, fn, onTimer, states, sides } = node
  const place = { pipeline: builder.pipeline, step: name }
  checkCallback(fn, 'the callback', place, { generator: true })
  if (onTimer !== undefined) checkCallback(onTimer, 'onTimer', place, { generator: true })
  for (const side of sides) checkName(side, 'a side output', place)
  for (const table of node.broadcast) checkName(table, 'a broadcast table', place)
  for (const state of states) checkState(builder, name, state)
  if (node.holdBackMs > 0 && onTimer === undefined)
    builder.fail(name, 'it holds event time back and has no onTimer', 'leave out holdBack')
}

function checkState(builder: GraphBuilder, step: string, state: StateSpec): void {
  const place = { pipeline: builder.pipeline, step }
  const { name, kind, version, ttlMs } = state
  checkName(name, 'a state', place)
  if (!STATE_KINDS.includes(kind))
    builder.fail(step, `"${name}" is not a state`, 'use state.value(), state.list() or state.map()')
  if (!(Number.isSafeInteger(version) && version > 0))
    builder.fail(step, `state "${name}" has version ${version}`, 'give a whole number from 1')
  if (ttlMs === 0) builder.fail(step, `state "${name}" is kept for no time`, 'give a longer ttl')
  for (const callback of STATE_CALLBACKS)
    if (state[callback] !== undefined) checkCallback(state[callback], `${callback} of state "${name}"`, place)
  if ((state.encode === undefined) !== (state.decode === undefined))
    builder.fail(step, `state "${name}" has only one of encode and decode`, 'add the other one')
}
