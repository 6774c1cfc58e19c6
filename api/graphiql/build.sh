#!/bin/sh
# Fetches the query page's files, exactly as the lock file names them, into api/static/vendor.
set -eu
cd "$(dirname "$0")"
npm ci --no-audit --no-fund --loglevel=error
vendor=../static/vendor
mkdir -p "$vendor"
cp node_modules/react/umd/react.production.min.js \
   node_modules/react-dom/umd/react-dom.production.min.js \
   node_modules/graphiql/graphiql.min.js \
   node_modules/graphiql/graphiql.min.css "$vendor/"
for package in react react-dom graphiql; do
  cp "node_modules/$package/LICENSE" "$vendor/$package.LICENSE"
done
rm -rf node_modules
echo "GraphiQL is in api/static/vendor"
