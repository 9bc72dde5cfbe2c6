import type { PlanNode } from '../../plan/graph.ts'
import { keyChangedFailure, keyKindFailure, noKeyFailure } from '../results.ts'
import type { Code } from './code.ts'
import type { Path } from './path.ts'
import { failure } from './steps.ts'

/** Declares the step of a node, whose keys are of the kind of its first one, and whether the record can be worked on by its key. */
export function keyedStepCode(code: Code, node: PlanNode, path: Path): { step: string; ok: string } {
  const step = code.variable('S')
  code.line(`const ${step} = T.steps[${node.id}]`)
  const refuses = (kind: string) => `${step}.kind !== ${kind} && !${step}.acceptsKind(${kind})`
  return { step, ok: keyCheckCode(code, node, path, refuses) }
}

/**
 * Declares a variable that says whether the record can be worked on by its key, and sends it to `.failed` where not (SEMANTICS 5.1).
 * `refuses` is the expression that is true for a kind of keys the step has not.
 */
export function keyCheckCode(
  code: Code,
  node: PlanNode,
  path: Path,
  refuses: (kind: string) => string,
): string {
  const ok = code.variable('ok')
  const make = (fn: Function) => `${code.constant(fn, 'fail')}(${JSON.stringify(node.name ?? 'join')})`
  code.line(`let ${ok} = true`)
  if (path.k !== 'undefined')
    code.line(`if (${path.k} !== undefined) ${ok} = ${failure(node, make(keyChangedFailure), path)}; else`)
  code.line(`if (${path.ks} < 0) ${ok} = ${failure(node, make(noKeyFailure), path)}`)
  code.line(`else if (${refuses('T.keyKindInWork')}) ${ok} = ${failure(node, make(keyKindFailure), path)}`)
  return ok
}
