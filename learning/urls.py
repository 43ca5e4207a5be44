"""The paths of feedback and learning, below /api/v1; /v1/feedback is the same as /api/v1/insights/feedback."""

from django.urls import path, re_path

from learning import api, replay_api

urlpatterns = [
    re_path(r"^(?:v1|api/v1/insights)/feedback/?$", api.FeedbackView.as_view(), name="api_feedback"),
    re_path(r"^api/v1/learning/?$", api.LearningView.as_view(), name="api_learning"),
    re_path(r"^api/v1/learning/versions/?$", api.VersionsView.as_view(), name="api_learning_versions"),
    path("api/v1/learning/versions/<int:version>/compare/<int:other>", api.ComparisonView.as_view(), name="api_learning_compare"),
    path("api/v1/learning/versions/<int:version>/pin", api.PinView.as_view(), name="api_learning_pin"),
    path("api/v1/learning/versions/<int:version>/rollback", api.RollbackView.as_view(), name="api_learning_rollback"),
    re_path(r"^api/v1/learning/replay/?$", replay_api.ReplayView.as_view(), name="api_learning_replay"),
    re_path(r"^api/v1/learning/savings/?$", replay_api.SavingsView.as_view(), name="api_learning_savings"),
    re_path(r"^api/v1/learning/enhancement/?$", replay_api.EnhancementView.as_view(), name="api_learning_enhancement"),
    re_path(r"^api/v1/learning/trials/?$", replay_api.TrialsView.as_view(), name="api_learning_trials"),
    path("api/v1/learning/trials/<int:trial>", replay_api.TrialView.as_view(), name="api_learning_trial"),
    path("api/v1/learning/keys/<uuid:key>", api.KeyView.as_view(), name="api_learning_key"),
]
