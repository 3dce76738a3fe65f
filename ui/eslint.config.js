import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** A component is read on one screen or two; a fetch belongs to the query layer. */
const COMPONENT_LINES_MAX = 150;

export default tseslint.config(
  { ignores: ["src/api/schema.ts", "src/generated/**", "dist/**"] },
  ...tseslint.configs.strictTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  {
    files: ["src/**/*.{ts,tsx}"],
    plugins: { "react-hooks": hooks },
    rules: {
      // The two rules about hooks; the plugin's others are for React's compiler, which the console does not use.
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/only-throw-error": "off",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: false }],
    },
  },
  {
    files: ["src/**/*.tsx"],
    rules: {
      "max-lines": ["error", { max: COMPONENT_LINES_MAX, skipBlankLines: true, skipComments: true }],
      "no-restricted-globals": ["error", { name: "fetch", message: "Ask through src/api/queries." }, "EventSource"],
    },
  },
  { files: ["*.js"], ...tseslint.configs.disableTypeChecked },
);
