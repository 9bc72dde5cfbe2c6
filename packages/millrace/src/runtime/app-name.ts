/** A package name as a part of topic names: `@shop/web` becomes `shop-web`. */
export function appName(packageName: string): string {
  return packageName.replace(/^@/, '').replace(/[^A-Za-z0-9_-]+/g, '-')
}
