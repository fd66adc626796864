"""Components that Streamlit lacks, each in a folder with its script and its style."""
