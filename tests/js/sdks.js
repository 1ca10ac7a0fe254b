// The SDK as npm installs it, and the release that @langchain/react is built on.

export const SDKS = ["@langchain/langgraph-sdk", "langgraph-sdk-1"];
